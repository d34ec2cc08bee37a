"""The engine. What each sub-package owns and which may import which: docs/architecture.md."""
