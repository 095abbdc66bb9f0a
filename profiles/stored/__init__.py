"""The store of profiles: found, merged, compared with what is wanted."""
