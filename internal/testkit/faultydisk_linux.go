package testkit

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// diskVariable tells a test binary that is started again which folder to show, and where.
const diskVariable = "TALLYSTICK_TEST_DISK"

// FaultyDisk is a file system whose files stay open while writing to it fails. A real one that is in use cannot be
// made read-only from outside; it becomes so by itself, when its machine or its network fails.
type FaultyDisk struct {
	Dir string

	t     testing.TB
	tell  *os.File
	reply *bufio.Reader
}

// NewFaultyDisk makes one; without root or /dev/fuse the test is skipped. The package's TestMain must call ServeDisk.
// The disk is served by a process of its own: one that waited for itself would hang.
func NewFaultyDisk(t testing.TB) *FaultyDisk {
	t.Helper()
	d := &FaultyDisk{t: t, Dir: t.TempDir()}
	read, tell, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0]) //nolint:gosec // this test binary
	server.Env = append(os.Environ(), diskVariable+"="+t.TempDir()+":"+d.Dir)
	server.Stdin, server.Stderr = read, os.Stderr
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	d.tell, d.reply = tell, bufio.NewReader(out)
	_ = read.Close()
	t.Cleanup(func() {
		_ = tell.Close()
		if err := server.Wait(); err != nil {
			t.Errorf("the disk ends with %v", err)
			_ = syscall.Unmount(d.Dir, syscall.MNT_DETACH)
		}
	})
	if first := d.answer(); first != "mounted" {
		t.Skipf("a faulty disk needs root and /dev/fuse: %s", first)
	}
	return d
}

// Fail makes writing fail with an error of the system from now on; 0: it works again.
func (d *FaultyDisk) Fail(with syscall.Errno) {
	d.t.Helper()
	if _, err := fmt.Fprintln(d.tell, int(with)); err != nil {
		d.t.Fatal(err)
	}
	if answer := d.answer(); answer != "done" {
		d.t.Fatalf("the disk says %q", answer)
	}
}

func (d *FaultyDisk) answer() string {
	line, err := d.reply.ReadString('\n')
	if err != nil {
		d.t.Fatalf("the disk does not answer: %v", err)
	}
	return strings.TrimSpace(line)
}

// ServeDisk serves a disk where this process was started for that, and reports that it has; the process is to end then.
func ServeDisk() (served bool) {
	from, at, asked := strings.Cut(os.Getenv(diskVariable), ":")
	if !asked {
		return false
	}
	disk, server, err := mount(from, at)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
		return true
	}
	_, _ = fmt.Fprintln(os.Stdout, "mounted")
	for told := bufio.NewScanner(os.Stdin); told.Scan(); {
		answer := "done"
		if number, err := strconv.ParseInt(told.Text(), 10, 32); err != nil {
			answer = err.Error()
		} else {
			disk.with.Store(int32(number))
		}
		_, _ = fmt.Fprintln(os.Stdout, answer)
	}
	if err := server.Unmount(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return true
}

// mount shows a folder at another one.
func mount(from, at string) (*failing, *fuse.Server, error) {
	root, err := fs.NewLoopbackRoot(from)
	if err != nil {
		return nil, nil, err
	}
	disk := &failing{RawFileSystem: fs.NewNodeFS(root, &fs.Options{})}
	server, err := fuse.NewServer(disk, at, &fuse.MountOptions{
		DirectMountStrict: true, FsName: "faulty", DisableXAttrs: true,
		DisabledCapabilities:     fuse.CAP_PASSTHROUGH, // nothing is to go past us
		ExplicitDataCacheControl: true,                 // what is mapped stays, as on a disk
	})
	if err != nil {
		return nil, nil, err
	}
	go server.Serve()
	err = server.WaitMount()
	return disk, server, err
}

// failing passes everything on but what writes, while that is to fail.
type failing struct {
	fuse.RawFileSystem
	with atomic.Int32
}

func (f *failing) status() fuse.Status { return fuse.Status(f.with.Load()) }

func (f *failing) Writev(cancel <-chan struct{}, in *fuse.WriteIn, data [][]byte) (uint32, fuse.Status) {
	if s := f.status(); s != fuse.OK {
		return 0, s
	}
	return f.RawFileSystem.Writev(cancel, in, data)
}

func (f *failing) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	if s := f.status(); s != fuse.OK {
		return s
	}
	return f.RawFileSystem.SetAttr(cancel, in, out)
}

func (f *failing) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	if s := f.status(); s != fuse.OK {
		return s
	}
	return f.RawFileSystem.Create(cancel, in, name, out)
}

func (f *failing) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	if s := f.status(); s != fuse.OK && in.Flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		return s
	}
	s := f.RawFileSystem.Open(cancel, in, out)
	out.OpenFlags |= fuse.FOPEN_KEEP_CACHE
	return s
}

func (f *failing) Unlink(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	if s := f.status(); s != fuse.OK {
		return s
	}
	return f.RawFileSystem.Unlink(cancel, in, name)
}
