package state

import "strconv"

// NextETag guesses the ETag of a value that was written over the one with the given ETag,
// or created if that is empty. Dapr does not say which ETag a write leads to; stores that
// number their versions take the next number. It returns false for an ETag that is no
// number.
func NextETag(over string) (next string, ok bool) {
	if over == "" {
		return "1", true
	}
	version, err := strconv.ParseUint(over, 10, 63)
	if err != nil {
		return "", false
	}
	return strconv.FormatUint(version+1, 10), true
}
