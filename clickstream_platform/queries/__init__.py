"""HOW: pure functions from events to a table. One public function a file, named for what it returns."""
