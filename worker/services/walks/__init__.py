"""What each command does to its walk, inside the lane's one transaction."""
