-- Every queue by name.
select name from windlass.queue order by name
