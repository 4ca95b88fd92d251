/**
 * Property tests draw the same inputs in every run, so that a failure is the change's and not the day's. Others are
 * drawn with FC_SEED, and by the million in `npm run fuzz`.
 */
import fc from 'fast-check'

fc.configureGlobal({ seed: Number(process.env['FC_SEED'] ?? 20_251_026) })
