"""The rows of a comparison: of untouched faces, of methods, of attacks, of groups alone and of what other tools released."""
