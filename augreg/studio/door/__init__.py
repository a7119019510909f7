"""Who comes in: only the studio's own page, which waits for it while it is gone."""
