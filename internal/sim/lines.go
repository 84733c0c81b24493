package sim

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lines tells on which line of a file a path such as "server[1].workload[0].kind" stands.
type lines map[string]int

// indexLines walks the file once more; it is called only with a file that parses.
func indexLines(data []byte) lines {
	out := lines{}
	arrays := map[string]int{}
	p := &unstable.Parser{}
	p.Reset(data)
	at := ""
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			at = ""
			for it := e.Key(); it.Next(); {
				at = join(at, string(it.Node().Data))
				if it.IsLast() && e.Kind == unstable.ArrayTable {
					arrays[at]++
				}
				if n := arrays[at]; n > 0 {
					at = fmt.Sprintf("%s[%d]", at, n-1)
				}
				if _, ok := out[at]; !ok {
					out[at] = p.Shape(it.Node().Raw).Start.Line
				}
			}
		case unstable.KeyValue:
			path := at
			for it := e.Key(); it.Next(); {
				path = join(path, string(it.Node().Data))
				out[path] = p.Shape(it.Node().Raw).Start.Line
			}
		}
	}
	return out
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// of finds the line of a path, or of the nearest table around it; 0 when there is none.
func (l lines) of(path string) int {
	for path != "" {
		if n, ok := l[path]; ok {
			return n
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return 0
		}
		path = path[:cut]
	}
	return 0
}
