//go:build !unix || solaris || aix || netbsd || openbsd

package app

import "errors"

// diskFree is not known here.
func diskFree(string) (int64, error) { return 0, errors.ErrUnsupported }
