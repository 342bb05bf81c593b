"""gridhub: where an AI data-center hub can stand on a transmission grid, and what it takes."""
