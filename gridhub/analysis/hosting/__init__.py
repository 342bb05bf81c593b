"""How much load or generation each bus takes."""
