// Command yamltojson writes a YAML file as JSON: people write the API's document, programs read it. `make generate` runs it.
package main
