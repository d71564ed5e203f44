// The entry of the lab's page.

import { openLab } from "./lab";

const root = document.getElementById("lab");
if (root) void openLab(root);
