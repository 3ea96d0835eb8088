package images

// OfPrograms describes an image of static programs on an empty file system. The
// first program is the entrypoint. It runs as the user 65532, who can write to
// nothing in the image.
func OfPrograms(name string, programs ...File) Image {
	return Image{
		Names:      []string{name},
		Files:      programs,
		Entrypoint: []string{programs[0].Path},
		User:       "65532:65532",
	}
}
