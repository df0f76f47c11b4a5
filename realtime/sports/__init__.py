"""What people do in sports: squats, jumps and throws, recognised, measured and counted."""
