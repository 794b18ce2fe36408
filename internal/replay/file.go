package replay

import "os"

// tempFile is a temporary file that only this process sees.
type tempFile struct{ *os.File }

func newTempFile() (*tempFile, error) {
	file, err := os.CreateTemp("", "ifmatch-*") // mode 0600
	if err != nil {
		return nil, err
	}
	os.Remove(file.Name()) // on Windows it goes when it is closed
	return &tempFile{file}, nil
}

// discard closes the file, after which nothing of it is left.
func (f *tempFile) discard() {
	f.Close()
	os.Remove(f.Name()) // where it couldn't be unlinked while open
}
