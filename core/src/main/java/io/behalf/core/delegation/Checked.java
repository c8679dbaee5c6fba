package io.behalf.core.delegation;

import java.util.function.Function;

/**
 * The answer of a step that may say no: the value, or the refusal that the caller must handle. Never an exception,
 * because a "no" is an expected answer and must not be lost in a catch.
 */
public sealed interface Checked<T> {
    record Passed<T>(T value) implements Checked<T> {}

    record Refused<T>(Refusal refusal) implements Checked<T> {}

    static <T> Checked<T> passed(T value) {
        return new Passed<>(value);
    }

    static <T> Checked<T> refused(Refusal refusal) {
        return new Refused<>(refusal);
    }

    /** Handles both answers; for Java 17 callers, who have no pattern switch. */
    default <R> R fold(Function<? super T, ? extends R> passed, Function<? super Refusal, ? extends R> refused) {
        if (this instanceof Passed<T> p) {
            return passed.apply(p.value());
        }
        return refused.apply(((Refused<T>) this).refusal());
    }

    /** Goes on with the next step, unless this one refused. */
    default <R> Checked<R> then(Function<? super T, Checked<R>> next) {
        if (this instanceof Passed<T> p) {
            return next.apply(p.value());
        }
        return new Refused<>(((Refused<T>) this).refusal());
    }
}
