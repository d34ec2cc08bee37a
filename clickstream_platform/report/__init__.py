"""One page on what visitors did and how well it was taken in: from the lake alone, without Spark."""
