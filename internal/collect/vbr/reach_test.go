package vbr

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestReach proves that nothing but the allowed calls can leave: one place makes requests, its callers are the
// client's methods, each with one fixed path, and no other path occurs in the package.
func TestReach(t *testing.T) {
	t.Parallel()
	allowed := map[string]string{ // path -> method, written down a second time
		"/swagger/v%s/swagger.json": "MethodGet", "/api/oauth2/token": "MethodPost", "/api/oauth2/logout": "MethodPost",
		"/api/v1/serverInfo": "MethodGet", "/api/v1/serverTime": "MethodGet", "/api/v1/license": "MethodGet",
		"/api/v1/license/instances": "MethodGet", "/api/v1/license/createReport": "MethodPost",
		"/api/v1/backupObjects": "MethodGet", "/api/v1/restorePoints": "MethodGet",
		"/api/v1/backups": "MethodGet", "/api/v1/jobs/states": "MethodGet",
		"/api/v1/jobs": "MethodGet", "/api/v1/backupInfrastructure/repositories/states": "MethodGet",
	}
	paths := map[string]string{} // constant -> path
	used := map[string]string{}  // path -> method
	requests := 0
	for _, file := range sources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, v := range n.Values {
					if lit, ok := v.(*ast.BasicLit); ok && isPath(lit) {
						paths[n.Names[i].Name] = unquote(lit)
					}
				}
			case *ast.BasicLit:
				if isPath(n) && !slices.Contains(keys(allowed), unquote(n)) {
					t.Errorf("the path %s occurs", n.Value)
				}
			case *ast.SelectorExpr:
				switch n.Sel.Name {
				case "NewRequest", "NewRequestWithContext":
					requests++
				case "MethodPut", "MethodDelete", "MethodPatch", "Post", "PostForm", "DefaultClient":
					t.Errorf("%s occurs", n.Sel.Name)
				}
			case *ast.CallExpr:
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "send" {
					verb, isVerb := n.Args[1].(*ast.SelectorExpr)
					constant, isConstant := n.Args[2].(*ast.Ident)
					if !isVerb || !isConstant {
						t.Error("a request whose method or path is not fixed")
						return true
					}
					method, name := verb.Sel.Name, constant.Name
					if name == "path" {
						name = "pathSwagger" // servesRevision fills in the revision
					}
					used[paths[name]] = method
				}
			}
			return true
		})
	}
	if requests != 1 {
		t.Errorf("requests are made in %d places", requests)
	}
	if !reflect.DeepEqual(used, allowed) {
		t.Errorf("reached:\n%v\nallowed:\n%v", used, allowed)
	}
	if n := reflect.TypeFor[client]().NumMethod(); n != 0 {
		t.Errorf("the client exports %d methods", n)
	}
}

func sources(t *testing.T) (files []*ast.File) {
	t.Helper()
	//nolint:staticcheck // the package has no build tags
	pkgs, err := parser.ParseDir(token.NewFileSet(), ".", func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range pkgs["vbr"].Files {
		files = append(files, f)
	}
	// client.go first: its constants name the paths.
	slices.SortFunc(files, func(a, b *ast.File) int { return boolInt(hasClient(b)) - boolInt(hasClient(a)) })
	return files
}

func hasClient(f *ast.File) bool { return f.Scope.Lookup("pathToken") != nil }

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func isPath(lit *ast.BasicLit) bool {
	s := unquote(lit)
	return lit.Kind == token.STRING && (strings.HasPrefix(s, "/api") || strings.HasPrefix(s, "/swagger"))
}

func unquote(lit *ast.BasicLit) string {
	s, _ := strconv.Unquote(lit.Value)
	return s
}

func keys(m map[string]string) (list []string) {
	for k := range m {
		list = append(list, k)
	}
	return list
}
