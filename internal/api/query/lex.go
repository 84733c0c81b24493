package query

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tallystick/tallystick/internal/core/fault"
)

type tokenKind int

const (
	tokenEnd     tokenKind = iota
	tokenWord              // a path, an operator, a function's name
	tokenLiteral           // with a value
	tokenOpen
	tokenClose
	tokenComma
	tokenMinus
	tokenColon
)

type token struct {
	kind  tokenKind
	text  string
	at    int // byte offset
	value Value
}

// lexer splits an expression of the filter language (rest-v2.md §8).
type lexer struct {
	option string // the query option, for messages
	text   string
	at     int
}

var (
	guidSyntax     = regexp.MustCompile(`^[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}`)
	dateTimeSyntax = regexp.MustCompile(`^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+\- ]\d\d:\d\d)?)?`)
	numberSyntax   = regexp.MustCompile(`^\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[LlMmDdFf]?`)
	wordSyntax     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(?:/[A-Za-z_][A-Za-z0-9_]*)*`)
)

// wrong is a 400 that names the position, counted in characters from 1.
func (l *lexer) wrong(at int, format string, args ...any) error {
	position := utf8.RuneCountInString(l.text[:at]) + 1
	return fault.InvalidFields("The query is not valid.", []fault.Field{{
		Path: l.option, Text: fmt.Sprintf("position %d: ", position) + fmt.Sprintf(format, args...),
	}})
}

func (l *lexer) next() (token, error) {
	for l.at < len(l.text) && strings.IndexByte(" \t\r\n", l.text[l.at]) >= 0 {
		l.at++
	}
	start, rest := l.at, l.text[l.at:]
	if rest == "" {
		return token{kind: tokenEnd, at: start}, nil
	}
	single := map[byte]tokenKind{'(': tokenOpen, ')': tokenClose, ',': tokenComma, '-': tokenMinus, ':': tokenColon}
	if k, ok := single[rest[0]]; ok {
		l.at++
		return token{kind: k, text: rest[:1], at: start}, nil
	}
	if rest[0] == '\'' {
		return l.quoted("")
	}
	for _, bare := range []struct {
		syntax *regexp.Regexp
		prefix string
	}{{guidSyntax, "guid"}, {dateTimeSyntax, "datetime"}, {numberSyntax, "number"}} {
		if found := bare.syntax.FindString(rest); found != "" && !wordAt(rest, len(found)) {
			l.at += len(found)
			return l.literal(bare.prefix, found, start)
		}
	}
	word := wordSyntax.FindString(rest)
	if word == "" {
		found, _ := utf8.DecodeRuneInString(rest)
		return token{}, l.wrong(start, "%q is not expected here", found)
	}
	l.at += len(word)
	if l.at < len(l.text) && l.text[l.at] == '\'' {
		return l.quoted(strings.ToLower(word))
	}
	return keyword(token{kind: tokenWord, text: word, at: start}), nil
}

// wordAt reports whether a word goes on at i: then what came before was no literal.
func wordAt(s string, i int) bool {
	return i < len(s) && (s[i] == '_' || s[i] >= '0' && s[i] <= '9' || s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 'a' && s[i] <= 'z')
}

func keyword(t token) token {
	switch strings.ToLower(t.text) {
	case "null":
		t.kind = tokenLiteral
	case "true", "false":
		t.kind, t.value = tokenLiteral, TruthValue(strings.EqualFold(t.text, "true"))
	}
	return t
}

// quoted reads '…', in which a quote is doubled, after an optional prefix such as guid or datetime.
func (l *lexer) quoted(prefix string) (token, error) {
	start := l.at - len(prefix)
	var b strings.Builder
	for i := l.at + 1; i < len(l.text); i++ {
		if l.text[i] != '\'' {
			b.WriteByte(l.text[i])
			continue
		}
		if i+1 < len(l.text) && l.text[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		l.at = i + 1
		return l.literal(prefix, b.String(), start)
	}
	return token{}, l.wrong(l.at, "the text that begins here does not end: a quote ' is expected")
}

func (l *lexer) literal(prefix, text string, at int) (token, error) {
	t := token{kind: tokenLiteral, text: text, at: at}
	var ok bool
	switch prefix {
	case "":
		t.value, ok = TextValue(text), true
	case "guid":
		t.value, ok = Value{Kind: KindGUID, Text: strings.ToLower(text)}, len(guidSyntax.FindString(text)) == len(text) && text != ""
	case "datetime", "datetimeoffset":
		t.value, ok = parseTimeLiteral(text)
	case "number":
		n, err := strconv.ParseFloat(strings.TrimRight(text, "LlMmDdFf"), 64)
		t.value, ok = NumberValue(n), err == nil
	default:
		return token{}, l.wrong(at, "%s'…' is no kind of literal: guid'…', datetime'…' and datetimeoffset'…' are", prefix)
	}
	if !ok {
		return token{}, l.wrong(at, "%q is not a valid %s", text, prefix)
	}
	return t, nil
}

// parseTimeLiteral reads ISO 8601; no zone means UTC, and a blank stands for the "+" that a query string makes one.
func parseTimeLiteral(text string) (Value, bool) {
	text = strings.ToUpper(text)
	if i := strings.LastIndexByte(text, ' '); i > 0 {
		text = text[:i] + "+" + text[i+1:]
	}
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", time.DateOnly,
	} {
		if t, err := time.Parse(layout, text); err == nil {
			return Value{Kind: KindTime, Time: t.UTC()}, true
		}
	}
	return Value{}, false
}
