"""The stream: shards and records as writes make them, their JSON, and readers that are not Lambda."""
