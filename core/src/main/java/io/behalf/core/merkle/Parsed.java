package io.behalf.core.merkle;

import java.util.function.Function;

/** What came of reading foreign bytes: a value, or the sentence that says what is wrong with them. */
public sealed interface Parsed<T> {
    record Valid<T>(T value) implements Parsed<T> {}

    record Invalid<T>(String problem) implements Parsed<T> {}

    static <T> Parsed<T> valid(T value) {
        return new Valid<>(value);
    }

    static <T> Parsed<T> invalid(String problem) {
        return new Invalid<>(problem);
    }

    /** Handles both cases: release 17 has no exhaustive switch over sealed types. */
    default <R> R fold(Function<? super T, ? extends R> valid, Function<String, ? extends R> invalid) {
        if (this instanceof Valid<T> good) {
            return valid.apply(good.value());
        }
        return invalid.apply(((Invalid<T>) this).problem());
    }

    default <R> Parsed<R> then(Function<? super T, Parsed<R>> next) {
        return fold(next, Parsed::invalid);
    }

    /** For bytes that this program wrote itself: an invalid value is then a defect or a damaged disk. */
    default T orElseThrow() {
        return fold(value -> value, problem -> {
            throw new IllegalArgumentException(problem);
        });
    }
}
