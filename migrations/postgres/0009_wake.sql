-- Telling other processes that there may be work.

-- Notifies whoever listens, in a transaction of its own. All notifying transactions of a server wait
-- for each other while they commit, so this one does not wait for the disk meanwhile: a crash that
-- undoes it ends the connections of all who could have been told.
create function windlass.notify(p_payloads text[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform pg_notify('windlass', t.payload) from unnest(p_payloads) t (payload);
end $$;
