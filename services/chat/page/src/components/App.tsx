import { announcement } from "../state/announce";
import { sidebarOpen } from "../state/layout";
import { Chat } from "./Chat";
import { FlowPanel } from "./flow/FlowPanel";
import { ViewTabs } from "./flow/ViewTabs";
import { Header } from "./Header";
import { ShortcutsDialog } from "./ShortcutsDialog";
import { Sidebar } from "./Sidebar";

/** The page: header, conversations, chat, flow. A further column is one more element of .columns. */
export function App() {
  return (
    <>
      <a class="skip" href="#message">Skip to the message</a>
      <Header />
      <div class="columns">
        <Sidebar />
        {sidebarOpen.value && <button class="veil" aria-label="Close the conversations" onClick={() => (sidebarOpen.value = false)} />}
        <ViewTabs />
        <Chat />
        <FlowPanel />
      </div>
      <ShortcutsDialog />
      <div class="unseen" role="status">{announcement.value}</div>
    </>
  );
}
