-- Accepts jobs in groups that share queue, priority, limit and due time.
select windlass.accept_groups($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
