package bundle

// readme stands in every bundle. It is part of the form: another text would be another bundle of the same statement.
const readme = `A statement of license usage, with everything that it was counted from.

statement.json         the statement: rows, servers, issues, adjustments, and who did what
statement.csv          its rows: used, new, rental, billed
workloads.ndjson       each workload behind the rows, with its state and the rule's number; statement.json has its SHA-256
facts.ndjson           dated facts that decide whose a server or tenant is, and by which policy was counted
evidence/facts.ndjson  what was known of each product at each instant that counts; it names lines of the following, from 0
evidence/readings.ndjson, evidence/lists.ndjson, evidence/workloads.ndjson
                       what servers said: of themselves and their licenses, which workloads they listed, and these
evidence/periods.ndjson
                       when each server was read in the month, and when not, and why
catalogue/             what each type of workload weighed
previous.json          the SHA-256 of the company's bundle before this one, and of the one that this one replaces
public-key.pem         the key that signed this; that it is the provider's you learn from the provider, not from here
SHA256SUMS             the SHA-256 of each of these files
SHA256SUMS.sig         its ed25519 signature

To check it by hand:

  openssl pkey -pubin -in public-key.pem -outform DER | sha256sum
  openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig
  sha256sum --check SHA256SUMS

The first must print the fingerprint that the provider gave you in another way. To have it counted again:

  tallystick verify FILE --key FINGERPRINT
`
