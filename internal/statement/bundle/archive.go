package bundle

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/tallystick/tallystick/internal/core/fault"
)

// What bounds an archive that is read: what is beyond is none of ours.
const (
	SizeMax  = 1 << 30 // bytes of a bundle
	filesMax = 100
	nameMax  = 200 // bytes
)

// file is one member of the archive.
type file struct {
	name string
	body []byte
}

// The records of a zip archive and what always stands in them: version 1.0, stored, 1 January 1980, no flags, no extras.
const (
	localMark, localSize     = "PK\x03\x04\x0a\x00\x00\x00\x00\x00\x00\x00\x21\x00", 30
	centralMark              = "PK\x01\x02\x0a\x03\x0a\x00\x00\x00\x00\x00\x00\x00\x21\x00" // made on Unix, so that the mode holds
	endMark                  = "PK\x05\x06\x00\x00\x00\x00"
	mode                     = 0o100644 << 16
	crcAt, sizeAt, nameLenAt = 14, 18, 26
)

// pack writes an archive.
func pack(files []file) []byte {
	var b []byte
	emit(files, func(part []byte) bool {
		b = append(b, part...)
		return true
	})
	return b
}

// emit gives the bytes of an archive part by part, while they are wanted.
func emit(files []file, want func([]byte) bool) {
	var central []byte
	at := 0
	for _, f := range files {
		sizes := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(f.body))
		sizes = binary.LittleEndian.AppendUint32(sizes, uint32(len(f.body))) //nolint:gosec // SizeMax
		sizes = binary.LittleEndian.AppendUint32(sizes, uint32(len(f.body))) //nolint:gosec // SizeMax
		sizes = binary.LittleEndian.AppendUint16(sizes, uint16(len(f.name))) //nolint:gosec // nameMax
		sizes = append(sizes, 0, 0)                                          // no extra field
		head := append(append([]byte(localMark), sizes...), f.name...)
		central = append(append(central, centralMark...), sizes...)
		central = append(central, 0, 0, 0, 0, 0, 0) // no comment, first disk, no hint
		central = binary.LittleEndian.AppendUint32(central, mode)
		central = binary.LittleEndian.AppendUint32(central, uint32(at))
		central = append(central, f.name...)
		at += len(head) + len(f.body)
		if !want(head) || !want(f.body) {
			return
		}
	}
	end := append([]byte(endMark), 0, 0, 0, 0)
	binary.LittleEndian.PutUint16(end[len(endMark):], uint16(len(files)))   //nolint:gosec // filesMax
	binary.LittleEndian.PutUint16(end[len(endMark)+2:], uint16(len(files))) //nolint:gosec // filesMax
	end = binary.LittleEndian.AppendUint32(end, uint32(len(central)))       //nolint:gosec // filesMax, nameMax
	end = binary.LittleEndian.AppendUint32(end, uint32(at))
	_ = want(central) && want(append(end, 0, 0))
}

// unpack reads what pack wrote, and nothing else. Invalid: it is something else, or damaged. The files lie in data.
func unpack(data []byte) ([]file, error) {
	if len(data) > SizeMax {
		return nil, fault.New(fault.Invalid, "it is larger than %d MiB", SizeMax>>20)
	}
	var files []file
	for rest := data; bytes.HasPrefix(rest, []byte(localMark)); {
		f, size, err := member(rest)
		if err != nil {
			return nil, err
		}
		if files = append(files, f); len(files) > filesMax {
			return nil, fault.New(fault.Invalid, "it holds more than %d files", filesMax)
		}
		rest = rest[size:]
	}
	if len(files) == 0 {
		return nil, fault.New(fault.Invalid, "it does not begin as a bundle of Tallystick does")
	}
	rest, same := data, true
	emit(files, func(part []byte) bool {
		if same = bytes.HasPrefix(rest, part); same {
			rest = rest[len(part):]
		}
		return same
	})
	if !same || len(rest) > 0 {
		return nil, fault.New(fault.Invalid, "the archive is not written as Tallystick writes it: it is damaged, or was written by another program")
	}
	return files, nil
}

// member reads the first file of what is left of an archive, and how many bytes it takes there.
func member(rest []byte) (f file, size int, err error) {
	if len(rest) < localSize {
		return f, 0, fault.New(fault.Invalid, "it is cut off")
	}
	body, name := int64(binary.LittleEndian.Uint32(rest[sizeAt:])), int64(binary.LittleEndian.Uint16(rest[nameLenAt:]))
	if all := localSize + name + body; all > int64(len(rest)) {
		return f, 0, fault.New(fault.Invalid, "it is cut off, or a size in it is damaged")
	}
	f = file{string(rest[localSize : localSize+name]), rest[localSize+name : localSize+name+body]}
	if !goodName(f.name) {
		return f, 0, fault.New(fault.Invalid, "the archive holds a file whose name is damaged")
	}
	if crc32.ChecksumIEEE(f.body) != binary.LittleEndian.Uint32(rest[crcAt:]) {
		return f, 0, fault.New(fault.Invalid, "%s is damaged: it does not have the checksum that the archive gives for it", f.name)
	}
	return f, int(localSize + name + body), nil
}

// goodName: unpacked anywhere, it lies below there, and means nothing to a shell.
func goodName(name string) bool {
	if len(name) > nameMax {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || part[0] == '-' {
			return false
		}
		for _, c := range []byte(part) {
			if c != '.' && c != '-' && c != '_' && c != '+' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
				return false
			}
		}
	}
	return true
}
