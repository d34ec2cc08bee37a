"""Lakes made by the code of earlier releases, and what makes them."""
