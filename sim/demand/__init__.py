"""What a job asks of cores, memory and links, segment by segment."""
