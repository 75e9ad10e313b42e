// The page. It needs nothing but itself.

export default `<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>Counter</title>
  <link rel="icon" href="data:,">
  <style>
    :root {
      --ground: #f6f7f9; --card: #ffffff; --text: #15202b; --soft: #55616e; --line: #dde2e8;
      --accent: #0b5cad; --on-accent: #ffffff;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --ground: #10151b; --card: #19212a; --text: #eaf0f6; --soft: #a3b0bd; --line: #2c3742;
        --accent: #7cbcff; --on-accent: #0b1420;
      }
    }
    * { box-sizing: border-box; }
    body {
      margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
      background: var(--ground); color: var(--text); font: 1.0625rem/1.5 system-ui, sans-serif;
    }
    main {
      width: min(26rem, 100%); padding: 2rem; text-align: center;
      background: var(--card); border: 1px solid var(--line); border-radius: 1rem;
    }
    h1 { margin: 0 0 1rem; font-size: 1rem; font-weight: 600; color: var(--soft); }
    p { margin: 0; }
    #count {
      display: block; font-size: clamp(3rem, 18vw, 5rem); font-weight: 700; line-height: 1.1;
      font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
    }
    button {
      margin-top: 1.5rem; padding: 0.75rem 1.75rem; font: inherit; font-weight: 600; cursor: pointer;
      background: var(--accent); color: var(--on-accent); border: 0; border-radius: 0.5rem;
    }
    button:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
    button:disabled { opacity: 0.6; cursor: progress; }
    #problem { min-height: 1.5em; margin-top: 0.75rem; color: var(--soft); font-size: 0.9375rem; }
  </style>
</head>
<body>
  <main>
    <h1>Counter</h1>
    <p aria-live="polite" aria-atomic="true">Counted <strong id="count">{{count}}</strong> <span id="times">{{times}}</span></p>
    <button id="more" type="button" data-api="{{api}}">Count one more</button>
    <p id="problem" role="status"></p>
    <noscript><p>Load the page again to count one more.</p></noscript>
  </main>
  <script>
    const button = document.getElementById("more");
    const problem = document.getElementById("problem");
    button.addEventListener("click", async () => {
      button.disabled = true;
      problem.textContent = "";
      try {
        const answer = await fetch(button.dataset.api, { method: "POST" });
        if (!answer.ok) throw new Error("the node answered " + answer.status);
        const { count } = await answer.json();
        document.getElementById("count").textContent = count;
        document.getElementById("times").textContent = count === 1 ? "time" : "times";
      } catch (error) {
        problem.textContent = "Not counted: " + error.message;
      } finally {
        button.disabled = false;
        button.focus();
      }
    });
  </script>
</body>
</html>
`;
