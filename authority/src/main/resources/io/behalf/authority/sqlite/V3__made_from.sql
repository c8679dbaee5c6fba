-- Tokens that were made from another token, with which they fall; neither outlives the other by more than this row.
create table made_from (
  jti              text primary key,
  source           text not null,
  until            integer not null
) strict;

create index made_from_by_until on made_from (until);
