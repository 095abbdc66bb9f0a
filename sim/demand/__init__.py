"""The demand of a job for cores, memory and links, segment by segment."""
