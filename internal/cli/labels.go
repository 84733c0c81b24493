package cli

import (
	"maps"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/fleet"
)

// labelFlags put external ids and tags on a company or a server.
type labelFlags struct {
	ExternalID []string `name:"external-id" help:"What another program knows it by, as psa=4711; KEY= takes it away. Repeatable." placeholder:"KEY=VALUE" sep:"none"`
	Tag        []string `help:"What figures are sorted by, as segment=gold; KEY= takes it away. Repeatable." placeholder:"KEY=VALUE" sep:"none"`
}

func (f *labelFlags) labels() (fleet.Labels, error) { return readLabels(f.ExternalID, f.Tag) }

// labelFilter chooses those that have all that is given.
type labelFilter struct {
	ExternalID []string `name:"external-id" help:"Only with this external id; repeatable." placeholder:"KEY=VALUE" sep:"none"`
	Tag        []string `help:"Only with this tag; repeatable." placeholder:"KEY=VALUE" sep:"none"`
}

func (f *labelFilter) labels() (fleet.Labels, error) { return readLabels(f.ExternalID, f.Tag) }

func readLabels(externalIDs, tags []string) (l fleet.Labels, err error) {
	if l.ExternalIDs, err = readPairs("--external-id", externalIDs); err != nil {
		return l, err
	}
	l.Tags, err = readPairs("--tag", tags)
	return l, err
}

func readPairs(flag string, texts []string) (map[string]string, error) {
	pairs := make(map[string]string, len(texts))
	for _, text := range texts {
		key, value, ok := strings.Cut(text, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		if !ok {
			return nil, mistake(flag, "%q is not written as KEY=VALUE", text)
		}
		if _, twice := pairs[key]; twice {
			return nil, mistake(flag, "%s is given twice", key)
		}
		pairs[key] = strings.TrimSpace(value)
	}
	return pairs, nil
}

// orEmpty is never null in JSON.
func orEmpty(pairs map[string]string) map[string]string {
	if pairs == nil {
		return map[string]string{}
	}
	return pairs
}

// pairsText is for a table: "contract=7, psa=4711".
func pairsText(pairs map[string]string) string {
	texts := make([]string, 0, len(pairs))
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		texts = append(texts, key+"="+pairs[key])
	}
	return orDash(strings.Join(texts, ", "))
}
