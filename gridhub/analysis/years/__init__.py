"""What is built when: plans over years with projects that may be late."""
