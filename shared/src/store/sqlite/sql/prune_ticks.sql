-- Forgets the ticks of a schedule that are not among its newest, unless the next tick is judged by
-- them: the held ones, and the newest that fired.
-- ?1 schedule, ?2 how many are kept; by the primary key and the index of fired ticks
delete from tick
where schedule = ?1
  and status <> 2
  and at < (
    select at
    from tick
    where schedule = ?1
    order by at desc
    limit 1 offset ?2 - 1
  )
  and at <> (
    select coalesce(max(at), 0)
    from tick
    where schedule = ?1 and status = 1
  )
