"""Places on an object store, in the words of ``pathlib``: the one door to obstore."""
