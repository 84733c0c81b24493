package bundle

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/tallystick/tallystick/internal/core/catalog"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/fleet"
)

// The files of a catalogue, behind its version: the two of the program's, and the provider's own rows on top of these.
const (
	typesEnd   = ".types"
	weightsEnd = ".weights"
	ownEnd     = ".own"
)

// catalogueFiles gives the text of the catalogues that counted, by name.
func catalogueFiles(ctx context.Context, policy fleet.PolicyStore, versions map[string]bool) (files []file, err error) {
	bases := make(map[string]bool)
	for version := range versions {
		base, own := catalog.SplitVersion(version)
		bases[base] = true
		if !own {
			continue
		}
		rows, err := policy.CatalogRows(ctx, version)
		if err != nil {
			return nil, fault.Wrap(err, fault.Internal, "the rows of the own catalogue %q cannot be had: %s", version, fault.Text(err))
		}
		files = append(files, file{catalogueDir + version + ownEnd, []byte(rows)})
	}
	for base := range bases {
		of, err := programFiles(base)
		if err != nil {
			return nil, err
		}
		files = append(files, of...)
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

// programFiles gives those of a version of the program's; NotFound: this program does not know it.
func programFiles(version string) ([]file, error) {
	types, weights, err := catalog.Text(version)
	return []file{{catalogueDir + version + typesEnd, types}, {catalogueDir + version + weightsEnd, weights}}, err
}

// readCatalogues reads what catalogueFiles gave, and nothing else.
func readCatalogues(files map[string]file) (map[string]*catalog.Catalog, error) {
	all := make(map[string]*catalog.Catalog)
	read := 0
	for name, types := range files {
		version, is := strings.CutSuffix(strings.TrimPrefix(name, catalogueDir), typesEnd)
		if !is || !strings.HasPrefix(name, catalogueDir) {
			continue
		}
		weights, there := files[catalogueDir+version+weightsEnd]
		if !there {
			return nil, fault.New(fault.Invalid, "%s has no weights beside it", name)
		}
		c, err := catalog.Parse(version, bytes.NewReader(types.body), bytes.NewReader(weights.body))
		if err != nil {
			return nil, err
		}
		all[version] = c
		read += 2
	}
	for name, rows := range files {
		version, is := strings.CutSuffix(strings.TrimPrefix(name, catalogueDir), ownEnd)
		if !is || !strings.HasPrefix(name, catalogueDir) {
			continue
		}
		base, _ := catalog.SplitVersion(version)
		own, err := catalog.OpenOwn(string(rows.body))
		switch {
		case err != nil:
			return nil, fault.Wrap(err, fault.Invalid, "%s cannot be read: %s", name, fault.Text(err))
		case all[base] == nil || catalog.OwnVersion(base, own.String()) != version:
			return nil, fault.New(fault.Invalid, "%s does not hold the rows that its name is of", name)
		}
		all[version] = own.On(all[base])
		read++
	}
	if there := countIn(files, catalogueDir); there != read {
		return nil, fault.New(fault.Invalid, "%s holds %d files that are no whole catalogues", catalogueDir, there-read)
	}
	return all, nil
}

func countIn(files map[string]file, dir string) (n int) {
	for name := range files {
		if strings.HasPrefix(name, dir) {
			n++
		}
	}
	return n
}

// catalogues tells whether the program's are those of this program, and which own rows there are.
func (r *Report) catalogues() {
	var problems, versions []string
	for version := range r.Bundle.evidence.catalogs {
		versions = append(versions, version)
		ours, err := programFiles(version)
		if err != nil {
			continue // own rows, or of a newer program: they count as they say
		}
		for _, f := range ours {
			problems = append(problems, lineProblems(f.name, r.Bundle.files[f.name].body, f.body)...)
		}
	}
	slices.Sort(versions)
	r.take("catalogue", problems, "%s", strings.Join(versions, ", "))
}
