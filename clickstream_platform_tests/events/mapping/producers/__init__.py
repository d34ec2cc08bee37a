"""Records in the shapes that producers publish, and by hand what must come of each."""
