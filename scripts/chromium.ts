const { CHROMIUM } = process.env;

/** How tests start the browser that scripts/browser-tests.mjs has found. Shaders are computed in software where there is no GPU. */
export const launchOptions = {
  ...(CHROMIUM === undefined ? {} : { executablePath: CHROMIUM }),
  args: [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
  ],
};
