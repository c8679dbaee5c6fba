-- Columns named sealed_... are AES-GCM under a key outside this file, bound to their table, row and column.

create table task (
  id               text primary key,
  agent            text not null,
  subject_index    blob,                -- keyed digest of the subject's id; null with no subject
  approval_id      text not null,
  approval_kind    text not null,
  services         text not null,       -- names, each between two spaces
  state            text not null check (state in ('pending', 'active', 'stopped', 'ended')),
  reason           text,                -- why it stopped
  created          integer not null,    -- milliseconds
  ends             integer not null,    -- seconds
  used_calls       integer not null default 0,
  used_tokens      integer not null default 0,
  used_spend       integer not null default 0,
  sealed_terms     blob not null,       -- what was approved
  sealed_identity  blob,                -- who; null with no subject and after erasure
  sealed_key       blob,                -- for the MACs in its records; null after erasure
  sealed_evidence  blob                 -- what the provider signed at the approval
) strict;

create index task_by_subject on task (subject_index) where state in ('pending', 'active');
create index task_by_agent on task (agent) where state in ('pending', 'active');
create index task_by_approval on task (approval_id);
create index task_by_end on task (ends) where state in ('pending', 'active', 'stopped');

-- Renewal tokens, by digest. One family is one agent's hold on one task; only its newest token and the one before answer.
create table renewal (
  token_sha256     blob primary key,
  family           text not null,
  task_id          text not null references task (id),
  agent            text not null,       -- who may use it
  jkt              text,                -- the key that it is bound to; null for a rotated one
  state            text not null check (state in ('current', 'previous', 'void')),
  created          integer not null,
  sealed_grant     blob not null,       -- actors and scope
  sealed_successor blob                 -- the token that followed, while that may be handed out again
) strict;

create index renewal_by_family on renewal (family);
create index renewal_by_task on renewal (task_id);

-- Every change that the ledger must know, before it knows it. The bytes stay until the ledger has them.
create table change (
  seq              integer primary key autoincrement,
  record_id        text not null unique,
  task_id          text,
  state            text not null check (state in ('pending', 'effective')),
  record           blob
) strict;

create index change_pending on change (seq) where state = 'pending';

-- Stops that outlive their task's row or concern less than a task.
create table stop (
  kind             text not null check (kind in ('task', 'agent', 'token')),
  value            text not null,
  reason           text not null,
  at               integer not null,    -- milliseconds
  until            integer not null,    -- milliseconds: after it no token can be affected any more
  primary key (kind, value)
) strict;

-- What may be seen once only: digests of provider tokens, assertions, hand-overs.
create table seen (
  key              blob primary key,
  until            integer not null
) strict;

create index seen_by_until on seen (until);

-- What is put down for a short while and taken once: pushed requests, logins under way, codes.
create table shelf (
  key              blob primary key,
  kind             text not null,
  until            integer not null,
  sealed_value     blob not null
) strict;

create index shelf_by_until on shelf (until);

-- Agents registered while running; those of the configuration stand there.
create table agent (
  id               text primary key,
  registration     text not null
) strict;

-- What a token was decided on: claims, rights, registration. Its digest is in the record.
create table facts (
  record_id        text primary key,
  task_id          text not null,
  sealed_facts     blob not null
) strict;
