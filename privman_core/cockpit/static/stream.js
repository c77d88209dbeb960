// Listens to the events of the server, and connects again when it is gone.
const again = 10_000; // until another attempt, if the server has refused the stream

/** Tells ``open`` and ``lost`` of the connection, and every event; returns a function that stops. */
export function listen(tell) {
  let stream;
  let waiting;
  function connect() {
    stream = new EventSource(new URL("../events", import.meta.url));
    stream.onopen = () => tell("open");
    stream.onmessage = ({ data }) => tell(data);
    stream.onerror = () => {
      tell("lost");
      if (stream.readyState === EventSource.CLOSED) waiting = setTimeout(connect, again);
    };
  }
  connect();
  return () => {
    clearTimeout(waiting);
    stream.close();
  };
}
