package replay

import "os"

// tempFile is a temporary file that only this process sees.
type tempFile struct {
	*os.File
	named bool // it has its name still: an open file can't be unlinked on Windows
}

func newTempFile() (*tempFile, error) {
	file, err := os.CreateTemp("", "ifmatch-*") // mode 0600
	if err != nil {
		return nil, err
	}
	return &tempFile{file, os.Remove(file.Name()) != nil}, nil
}

// discard closes the file, after which nothing of it is left. A name that it has
// lost may be of somebody else's file by now.
func (f *tempFile) discard() {
	f.Close()
	if f.named {
		os.Remove(f.Name())
	}
}
