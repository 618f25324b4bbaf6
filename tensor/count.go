package tensor

import "fmt"

// Count writes how many there are of what, for messages: "0 keys", "1 key", "2 keys". The plural
// of what is made with an s.
func Count[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Number returns the form of a verb that goes with n: one for 1, many for all else.
func Number[N int | int64](n N, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
