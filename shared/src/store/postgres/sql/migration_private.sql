-- Takes back what the server gives everybody: functions are for those to whom they are granted.
revoke execute on all functions in schema windlass from public
