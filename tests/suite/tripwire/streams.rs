//! Answers that stream: held until the first frame, cut when a check is denied later.

use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{poll, stream};
use http::{HeaderMap, Response};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tower::ServiceExt;
use tower_warden::authz::authenticated;
use tower_warden::authz::object::{Guard, Read};

use super::{AnyBody, BoxError, FORBIDDEN, HIDDEN, Handler, MINE, Order, Reply, asked, stacks};
use crate::support::Answer;

type Sent = Result<Frame<Bytes>, BoxError>;

/// A call whose handler has answered, with a stream that the test writes and the guard of its request.
struct Call {
    stack: &'static str,
    answer: BoxFuture<'static, Reply>,
    frames: UnboundedSender<Sent>,
    guard: Guard<Order>,
}

const GRPC: &str = "application/grpc";

/// One call through each stack. `checked`: whether the handler asked before it returned the stream.
async fn calls(content_type: &'static str, checked: bool) -> Vec<Call> {
    let mut calls = Vec::new();
    for index in 0..2 {
        let (frames, stream) = unbounded_channel();
        let left = Arc::new(Mutex::new(None));
        let (stream, guard) = (Mutex::new(Some(stream)), left.clone());
        let handler: Handler = Arc::new(move |extensions| {
            let own = Guard::of(&extensions).unwrap();
            *guard.lock().unwrap() = Some(Guard::of(&extensions).unwrap());
            let body = streamed(stream.lock().unwrap().take().unwrap());
            Box::pin(async move {
                if checked {
                    own.check(Read, &MINE).await.unwrap();
                }
                Response::builder().header("content-type", content_type).body(body).unwrap()
            })
        });
        let access = authenticated().serving::<Order>();
        let (stack, service) = stacks(&access, &handler).into_iter().nth(index).unwrap();
        let request = asked(&[("content-type", content_type)]);
        let mut answer: BoxFuture<'static, Reply> =
            Box::pin(async move { service.oneshot(request).await.unwrap() });
        if checked {
            let reply = settled(&mut answer).await.expect("nothing to wait for");
            answer = Box::pin(async move { reply });
        } else {
            assert!(settled(&mut answer).await.is_none(), "{stack}: held");
        }
        let guard = left.lock().unwrap().take().unwrap();
        calls.push(Call { stack, answer, frames, guard });
    }
    calls
}

/// Not `Unpin`, and of unknown size.
fn streamed(frames: UnboundedReceiver<Sent>) -> AnyBody {
    let next = |mut frames: UnboundedReceiver<Sent>| async { Some((frames.recv().await?, frames)) };
    StreamBody::new(stream::unfold(frames, next)).boxed_unsync()
}

/// What a future comes to, if it needs nothing from outside; authentication yields once or twice.
async fn settled<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    for _ in 0..5 {
        if let Poll::Ready(output) = poll!(&mut *future) {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

impl Call {
    fn send(&self, text: &'static str) {
        self.frames.send(Ok(Frame::data(Bytes::from(text)))).unwrap();
    }

    fn end(&self, status: &'static str) {
        let fields =
            HeaderMap::from_iter([("grpc-status".parse().unwrap(), status.parse().unwrap())]);
        self.frames.send(Ok(Frame::trailers(fields))).unwrap();
    }

    fn fail(&self) {
        self.frames.send(Err("broken".into())).unwrap();
    }
}

async fn next(body: &mut AnyBody) -> Option<Sent> {
    let mut frame = Pin::new(body);
    settled(&mut frame.frame()).await.expect("a frame, an error or the end")
}

async fn text(body: &mut AnyBody) -> Bytes {
    next(body).await.unwrap().unwrap().into_data().unwrap()
}

#[tokio::test]
async fn z3_a_stream_is_held_until_its_first_frame_and_loses_nothing() {
    for mut call in calls("text/plain", false).await {
        call.guard.check(Read, &MINE).await.unwrap();
        assert!(settled(&mut call.answer).await.is_none(), "{}: nothing has come", call.stack);
        call.send("one");
        let answer = settled(&mut call.answer).await.unwrap();
        let mut body = answer.into_body();
        assert_eq!((body.size_hint().lower(), body.size_hint().upper()), (3, None));
        assert_eq!(text(&mut body).await, "one");
        call.send("two");
        assert_eq!(text(&mut body).await, "two");
        assert!(settled(&mut body.frame()).await.is_none(), "more may come");
        let fields = HeaderMap::from_iter([("x-sum".parse().unwrap(), "7".parse().unwrap())]);
        call.frames.send(Ok(Frame::trailers(fields.clone()))).unwrap();
        drop(call.frames);
        assert_eq!(next(&mut body).await.unwrap().unwrap().into_trailers().unwrap(), fields);
        assert!(next(&mut body).await.is_none() && body.is_end_stream());
    }
}

#[tokio::test]
async fn z3_a_frame_wakes_who_waits_for_a_held_answer() {
    for call in calls("text/plain", false).await {
        let waiting = tokio::spawn(call.answer);
        tokio::task::yield_now().await;
        call.guard.check(Read, &MINE).await.unwrap();
        call.frames.send(Ok(Frame::data(Bytes::from("one")))).unwrap();
        drop(call.frames);
        assert_eq!(Answer::read(waiting.await.unwrap()).await.text(), "one", "{}", call.stack);
    }
}

#[tokio::test]
async fn z3_an_unchecked_stream_leaves_neither_head_nor_frame() {
    for mut call in calls("text/plain", false).await {
        call.send("one");
        let answer = settled(&mut call.answer).await.unwrap();
        assert!(call.frames.is_closed(), "{}: the stream is dropped", call.stack);
        let answer = Answer::read(answer).await;
        assert_eq!((answer.status, answer.reason()), (500, "authz_not_performed"));
        assert!(!answer.text().contains("one"));
    }
}

#[tokio::test]
async fn z3_a_stream_that_ends_before_it_begins_is_judged() {
    for mut call in calls("text/plain", false).await {
        drop(call.frames);
        let answer = settled(&mut call.answer).await.unwrap();
        assert_eq!(Answer::read(answer).await.reason(), "authz_not_performed", "{}", call.stack);
    }
    for mut call in calls("text/plain", false).await {
        call.guard.check(Read, &MINE).await.unwrap();
        drop(call.frames);
        let answer = Answer::read(settled(&mut call.answer).await.unwrap()).await;
        assert_eq!((answer.status, answer.text()), (200, ""), "{}", call.stack);
    }
}

#[tokio::test]
async fn z3_a_stream_that_fails_before_it_begins_is_a_failure_or_the_denial() {
    for (denied, status, reason) in
        [(None, 500, "stream_failed"), (Some(HIDDEN), 404, "denied_in_stream")]
    {
        for mut call in calls("text/plain", false).await {
            if let Some(order) = denied {
                call.guard.check(Read, &order).await.unwrap_err();
            }
            call.fail();
            let answer = Answer::read(settled(&mut call.answer).await.unwrap()).await;
            assert_eq!((answer.status, answer.reason()), (status, reason), "{}", call.stack);
        }
    }
}

/// As server-sent events without an event.
#[tokio::test]
async fn z3_a_stream_that_says_nothing_stays_held_and_goes_with_its_request() {
    for mut call in calls("text/event-stream", false).await {
        assert!(settled(&mut call.answer).await.is_none());
        assert!(!call.frames.is_closed());
        drop(call.answer);
        assert!(call.frames.is_closed(), "{}", call.stack);
    }
    for call in calls("text/event-stream", true).await {
        // Checked before: the head is there, and waits for nothing.
        let mut body = call.answer.await.into_body();
        assert!(settled(&mut body.frame()).await.is_none(), "{}", call.stack);
    }
}

#[tokio::test]
async fn z4_a_denial_cuts_a_stream_before_its_next_frame() {
    for call in calls("text/plain", true).await {
        call.send("one");
        let mut body = call.answer.await.into_body();
        assert_eq!(text(&mut body).await, "one");
        call.guard.check(Read, &HIDDEN).await.unwrap_err();
        call.frames.send(Ok(Frame::data(Bytes::from("two")))).unwrap();
        let error = next(&mut body).await.unwrap().unwrap_err();
        assert!(error.to_string().contains("cut"), "{}: {error}", call.stack);
        assert!(call.frames.is_closed());
        assert!(body.is_end_stream() && next(&mut body).await.is_none());
    }
}

#[tokio::test]
async fn z4_a_denial_cuts_what_was_taken_in_and_not_yet_given_out() {
    for mut call in calls("text/plain", false).await {
        call.guard.check(Read, &MINE).await.unwrap();
        call.send("one");
        let mut body = settled(&mut call.answer).await.unwrap().into_body();
        call.guard.check(Read, &HIDDEN).await.unwrap_err();
        assert!(next(&mut body).await.unwrap().is_err(), "{}", call.stack);
    }
}

#[tokio::test]
async fn z4_a_stream_cannot_end_well_after_a_denial_and_may_fail_by_itself() {
    for call in calls("text/plain", true).await {
        call.guard.check(Read, &HIDDEN).await.unwrap_err();
        drop(call.frames);
        let mut body = call.answer.await.into_body();
        assert!(next(&mut body).await.unwrap().unwrap_err().to_string().contains("cut"));
    }
    for call in calls("text/plain", true).await {
        call.guard.check(Read, &HIDDEN).await.unwrap_err();
        call.fail();
        let mut body = call.answer.await.into_body();
        assert_eq!(next(&mut body).await.unwrap().unwrap_err().to_string(), "broken");
    }
}

#[tokio::test]
async fn z4_a_grpc_stream_is_cut_with_the_status_of_the_denial() {
    for (order, code) in [(HIDDEN, "5"), (FORBIDDEN, "7")] {
        for call in calls(GRPC, true).await {
            call.send("one");
            let mut body = call.answer.await.into_body();
            assert_eq!(text(&mut body).await, "one");
            call.guard.check(Read, &order).await.unwrap_err();
            // Also where it says that all went well.
            call.frames.send(Ok(Frame::trailers(HeaderMap::new()))).unwrap();
            let trailers = next(&mut body).await.unwrap().unwrap().into_trailers().unwrap();
            assert_eq!(trailers["grpc-status"], code, "{}", call.stack);
            assert!(next(&mut body).await.is_none());
        }
    }
}

#[tokio::test]
async fn z3_a_grpc_stream_that_fails_first_passes_and_one_that_ends_well_does_not() {
    for mut call in calls(GRPC, false).await {
        call.guard.check(Read, &HIDDEN).await.unwrap_err();
        call.end("5");
        let answer = Answer::read(settled(&mut call.answer).await.unwrap()).await;
        assert_eq!((answer.status, answer.reason()), (200, ""), "{}", call.stack);
        assert_eq!(answer.trailers.unwrap()["grpc-status"], "5", "{}", call.stack);
    }
    for mut call in calls(GRPC, false).await {
        call.end("0");
        let answer = Answer::read(settled(&mut call.answer).await.unwrap()).await;
        assert_eq!(answer.header("grpc-status"), "13", "{}", call.stack);
        assert_eq!(answer.reason(), "authz_not_performed");
    }
    // Trailers end no HTTP stream as a failure.
    for mut call in calls("text/plain", false).await {
        call.end("5");
        let answer = Answer::read(settled(&mut call.answer).await.unwrap()).await;
        assert_eq!(answer.reason(), "authz_not_performed", "{}", call.stack);
    }
}

#[tokio::test]
async fn z3_a_panic_while_an_answer_is_held_is_one_of_the_handler() {
    let panics: Handler = Arc::new(|_| {
        Box::pin(async {
            let broken = stream::poll_fn(|_| -> Poll<Option<Sent>> { panic!("broken") });
            Response::new(StreamBody::new(broken).boxed_unsync())
        })
    });
    let access = authenticated().serving::<Order>();
    let [_, (_, whole)] = stacks(&access, &panics);
    let answer = Answer::read(whole.oneshot(asked(&[])).await.unwrap()).await;
    assert_eq!((answer.status, answer.reason()), (500, "handler_panicked"));
}

#[tokio::test]
async fn z3_a_request_that_is_dropped_before_its_answer_leaves_nothing() {
    let stuck: Handler = Arc::new(|_| Box::pin(pending()));
    for (stack, service) in stacks(&authenticated().serving::<Order>(), &stuck) {
        let mut call = Box::pin(service.oneshot(asked(&[])));
        assert!(settled(&mut call).await.is_none(), "{stack}");
    }
}
