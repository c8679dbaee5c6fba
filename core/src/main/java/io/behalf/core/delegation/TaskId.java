package io.behalf.core.delegation;

/** What one approval covers; joins all records of it. {@code tsk_} and a ULID. */
public record TaskId(String value) {
    public TaskId {
        Ids.require("tsk", value);
    }

    @Override
    public String toString() {
        return value;
    }
}
