package io.behalf.authority;

import java.util.Optional;
import java.util.function.Function;

/** What a step at an OAuth endpoint says: the value, or the error that its caller must hand on. */
sealed interface Answer<T> {
    record Ok<T>(T value) implements Answer<T> {}

    record No<T>(OAuthError error) implements Answer<T> {}

    static <T> Answer<T> ok(T value) {
        return new Ok<>(value);
    }

    static <T> Answer<T> no(OAuthError error) {
        return new No<>(error);
    }

    static <T> Answer<T> no(OAuthError.Code code, String description) {
        return new No<>(new OAuthError(code, description, Optional.empty()));
    }

    /** @param detail for the operator's log; no token, no personal data */
    static <T> Answer<T> no(OAuthError.Code code, String description, String detail) {
        return new No<>(new OAuthError(code, description, Optional.of(detail)));
    }

    default <R> Answer<R> map(Function<? super T, ? extends R> next) {
        return switch (this) {
            case Ok<T>(var value) -> new Ok<>(next.apply(value));
            case No<T>(var error) -> new No<>(error);
        };
    }

    default <R> Answer<R> flatMap(Function<? super T, Answer<R>> next) {
        return switch (this) {
            case Ok<T>(var value) -> next.apply(value);
            case No<T>(var error) -> new No<>(error);
        };
    }

    /** This "no" as the answer of the caller's own type; asked only where it is one. */
    default <R> Answer<R> refused() {
        return switch (this) {
            case No<T>(var error) -> new No<>(error);
            case Ok<T> ok -> throw new IllegalStateException("not a refusal: " + ok.getClass());
        };
    }
}
