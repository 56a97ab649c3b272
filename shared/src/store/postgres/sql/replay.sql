-- Makes new runs of dead letters.
-- $1 now; of each: $2 its id, $3 that of the new run, $4 other args, $5 their content type, $6 and
-- $7 the traceparent and the tracestate of the new run, where it is not in the dead letter's trace
select verdict, other_id, queue from windlass.replay($1, $2, $3, $4, $5, $6, $7)
