import { type ServerFlavour, ServerRefusal, type VideoJob } from './validate.js';

interface JobRecord {
  readonly id: string;
  readonly job: VideoJob;
  readonly fails: boolean;
  polls: number;
}

/** The video jobs of a simulated server. They live in memory and move on each time their status is asked. */
export class Videos {
  aborted = 0;
  private readonly records = new Map<string, JobRecord>();
  private created = 0;

  constructor(
    private readonly flavour: ServerFlavour,
    private readonly model: string,
    /** Status questions until a job is completed. */
    private readonly pollsUntilDone: number,
  ) {}

  create(job: VideoJob, fails: boolean): object {
    this.created += 1;
    const record = { id: `video_gen_${this.created}`, job, fails, polls: 0 };
    this.records.set(record.id, record);
    return this.describe(record);
  }

  poll(id: string): object {
    const record = this.find(id);
    record.polls += 1;
    return this.describe(record);
  }

  requireCompleted(id: string): void {
    if (this.statusOf(this.find(id)) !== 'completed') throw new ServerRefusal(404, { detail: 'Video is still in progress.' });
  }

  delete(id: string): object {
    const record = this.find(id);
    this.records.delete(id);
    if (this.flavour === 'sglang') return { ...this.describe(record), status: 'deleted' };
    if (this.statusOf(record) !== 'completed') this.aborted += 1;
    return { id, deleted: true, object: 'video.deleted' };
  }

  clear(): void {
    this.records.clear();
  }

  private find(id: string): JobRecord {
    const record = this.records.get(id);
    if (!record) throw new ServerRefusal(404, { detail: 'Video not found' });
    return record;
  }

  private statusOf(record: JobRecord): string {
    if (record.polls >= this.pollsUntilDone) return record.fails ? 'failed' : 'completed';
    // SGLang goes from queued to completed.
    return record.polls === 0 || this.flavour === 'sglang' ? 'queued' : 'in_progress';
  }

  private describe(record: JobRecord): object {
    const status = this.statusOf(record);
    const error = status === 'failed' ? { code: 'internal_error', message: 'The pipeline raised an exception.' } : null;
    return {
      id: record.id,
      object: 'video',
      model: this.model,
      status,
      progress: status === 'completed' ? 100 : status === 'in_progress' ? 50 : 0,
      created_at: 1_763_600_000,
      size: record.job.size,
      seconds: String(record.job.seconds),
      error,
      ...(this.flavour === 'sglang' && status === 'completed' ? { file_path: `/srv/outputs/${record.id}.mp4` } : {}),
    };
  }
}
