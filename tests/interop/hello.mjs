// The program that everybody starts with, by the class that Node has built in: print each echo, send the next.
//   hello.mjs URL COUNT
const [url, count] = process.argv.slice(2);
const ws = new WebSocket(url);
let n = 0;
const send = () => ws.send(`hello. This is message number #${++n}`);
ws.onopen = send;
ws.onmessage = ({ data }) => {
  console.log(data);
  if (n < Number(count)) send();
  else ws.close(1000);
};
ws.onerror = (event) => console.error(event.message ?? 'error');
ws.onclose = ({ code, wasClean }) => console.log(`closed ${code} ${wasClean}`);
