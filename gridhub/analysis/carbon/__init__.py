"""Carbon-free energy of hubs by the hour, and the plants and storage it takes."""
