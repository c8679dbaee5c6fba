-- Keyed digest of the provider's session (sid) in which the task began; null where its token named none.
alter table task add column session_index blob;

create index task_by_session on task (session_index) where state in ('pending', 'active');
