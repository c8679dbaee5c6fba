package io.behalf.sdk;

import java.util.function.Function;

/** What an authority said to a request: what was asked for, a "no" with its reason, or nothing usable. */
public sealed interface Answer<T> {
    record Granted<T>(T value) implements Answer<T> {}

    /**
     * A "no".
     *
     * @param error OAuth error code (RFC 6749 §5.2, RFC 8693, RFC 9396, RFC 9449)
     * @param description a sentence for people; empty where the authority gave none
     * @param status HTTP status
     */
    record Denied<T>(String error, String description, int status) implements Answer<T> {
        /** Whether the same request may be answered otherwise a little later. */
        public boolean passing() {
            return status >= 500
                    || status == 429
                    || error.equals("slow_down")
                    || error.equals("temporarily_unavailable");
        }
    }

    /**
     * No answer, or one that is not what the standards say.
     *
     * @param detail for a log; holds no token and no secret
     */
    record NoAnswer<T>(String detail) implements Answer<T> {}

    default <R> R fold(
            Function<? super T, ? extends R> granted,
            Function<? super Denied<T>, ? extends R> denied,
            Function<? super NoAnswer<T>, ? extends R> noAnswer) {
        if (this instanceof Granted<T> yes) {
            return granted.apply(yes.value());
        }
        if (this instanceof Denied<T> no) {
            return denied.apply(no);
        }
        return noAnswer.apply((NoAnswer<T>) this);
    }

    /** Reads what was granted; a "no" stays one. */
    default <R> Answer<R> then(Function<? super T, Answer<R>> next) {
        return fold(
                next,
                no -> new Denied<>(no.error(), no.description(), no.status()),
                none -> new NoAnswer<>(none.detail()));
    }
}
